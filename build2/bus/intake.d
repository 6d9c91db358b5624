build2/bus/intake.o: bus/intake.c bus/intake.h bus/backoff.h \
 schemas/base.h bus/channel.h bus/topology.h bus/bus.h bus/tls.h \
 bus/url.h schemas/err.h schemas/limits.h bus/wire.h bus/connection.h \
 bus/outbox.h bus/tray.h bus/timer.h
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
bus/timer.h:
