build2/bus/channel.o: bus/channel.c bus/channel.h bus/topology.h \
 bus/bus.h bus/tls.h bus/url.h schemas/err.h schemas/base.h \
 schemas/limits.h bus/wire.h
bus/channel.h:
bus/topology.h:
bus/bus.h:
bus/tls.h:
bus/url.h:
schemas/err.h:
schemas/base.h:
schemas/limits.h:
bus/wire.h:
