build2/bus/stream.o: bus/stream.c bus/stream.h bus/outbox.h \
 schemas/base.h bus/wire.h schemas/err.h bus/tls.h bus/url.h \
 schemas/limits.h
bus/stream.h:
bus/outbox.h:
schemas/base.h:
bus/wire.h:
schemas/err.h:
bus/tls.h:
bus/url.h:
schemas/limits.h:
