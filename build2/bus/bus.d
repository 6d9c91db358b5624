build2/bus/bus.o: bus/bus.c bus/bus.h bus/tls.h bus/url.h schemas/err.h \
 schemas/base.h schemas/limits.h bus/consumer.h bus/tray.h bus/intake.h \
 bus/backoff.h bus/channel.h bus/topology.h bus/wire.h bus/connection.h \
 bus/outbox.h bus/publisher.h bus/timer.h
bus/bus.h:
bus/tls.h:
bus/url.h:
schemas/err.h:
schemas/base.h:
schemas/limits.h:
bus/consumer.h:
bus/tray.h:
bus/intake.h:
bus/backoff.h:
bus/channel.h:
bus/topology.h:
bus/wire.h:
bus/connection.h:
bus/outbox.h:
bus/publisher.h:
bus/timer.h:
