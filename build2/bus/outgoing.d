build2/bus/outgoing.o: bus/outgoing.c bus/outgoing.h bus/tray.h bus/bus.h \
 bus/tls.h bus/url.h schemas/err.h schemas/base.h schemas/limits.h \
 bus/wire.h
bus/outgoing.h:
bus/tray.h:
bus/bus.h:
bus/tls.h:
bus/url.h:
schemas/err.h:
schemas/base.h:
schemas/limits.h:
bus/wire.h:
