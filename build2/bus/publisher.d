build2/bus/publisher.o: bus/publisher.c bus/publisher.h bus/tray.h \
 bus/bus.h bus/tls.h bus/url.h schemas/err.h schemas/base.h \
 schemas/limits.h bus/backoff.h bus/channel.h bus/topology.h bus/wire.h \
 bus/connection.h bus/outbox.h bus/pending.h bus/outgoing.h bus/timer.h
bus/publisher.h:
bus/tray.h:
bus/bus.h:
bus/tls.h:
bus/url.h:
schemas/err.h:
schemas/base.h:
schemas/limits.h:
bus/backoff.h:
bus/channel.h:
bus/topology.h:
bus/wire.h:
bus/connection.h:
bus/outbox.h:
bus/pending.h:
bus/outgoing.h:
bus/timer.h:
