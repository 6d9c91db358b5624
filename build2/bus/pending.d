build2/bus/pending.o: bus/pending.c bus/pending.h bus/outgoing.h \
 bus/tray.h bus/bus.h bus/tls.h bus/url.h schemas/err.h schemas/base.h \
 schemas/limits.h bus/wire.h
bus/pending.h:
bus/outgoing.h:
bus/tray.h:
bus/bus.h:
bus/tls.h:
bus/url.h:
schemas/err.h:
schemas/base.h:
schemas/limits.h:
bus/wire.h:
