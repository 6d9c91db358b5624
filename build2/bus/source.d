build2/bus/source.o: bus/source.c bus/source.h bus/intake.h bus/backoff.h \
 schemas/base.h bus/channel.h bus/topology.h bus/bus.h bus/tls.h \
 bus/url.h schemas/err.h schemas/limits.h bus/wire.h bus/connection.h \
 bus/outbox.h bus/tray.h bus/proof.h bus/timer.h
bus/source.h:
bus/intake.h:
bus/backoff.h:
schemas/base.h:
bus/channel.h:
bus/topology.h:
bus/bus.h:
bus/tls.h:
bus/url.h:
schemas/err.h:
schemas/limits.h:
bus/wire.h:
bus/connection.h:
bus/outbox.h:
bus/tray.h:
bus/proof.h:
bus/timer.h:
