build2/bus/consumer.o: bus/consumer.c bus/consumer.h bus/tray.h bus/bus.h \
 bus/tls.h bus/url.h schemas/err.h schemas/base.h schemas/limits.h \
 bus/source.h bus/intake.h bus/backoff.h bus/channel.h bus/topology.h \
 bus/wire.h bus/connection.h bus/outbox.h bus/proof.h bus/timer.h
bus/consumer.h:
bus/tray.h:
bus/bus.h:
bus/tls.h:
bus/url.h:
schemas/err.h:
schemas/base.h:
schemas/limits.h:
bus/source.h:
bus/intake.h:
bus/backoff.h:
bus/channel.h:
bus/topology.h:
bus/wire.h:
bus/connection.h:
bus/outbox.h:
bus/proof.h:
bus/timer.h:
