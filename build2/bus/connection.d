build2/bus/connection.o: bus/connection.c bus/connection.h bus/outbox.h \
 schemas/base.h bus/tls.h bus/url.h schemas/err.h schemas/limits.h \
 bus/wire.h bus/backoff.h bus/dial.h bus/handshake.h bus/stream.h \
 bus/timer.h
bus/connection.h:
bus/outbox.h:
schemas/base.h:
bus/tls.h:
bus/url.h:
schemas/err.h:
schemas/limits.h:
bus/wire.h:
bus/backoff.h:
bus/dial.h:
bus/handshake.h:
bus/stream.h:
bus/timer.h:
