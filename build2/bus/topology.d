build2/bus/topology.o: bus/topology.c bus/topology.h bus/bus.h bus/tls.h \
 bus/url.h schemas/err.h schemas/base.h schemas/limits.h bus/wire.h
bus/topology.h:
bus/bus.h:
bus/tls.h:
bus/url.h:
schemas/err.h:
schemas/base.h:
schemas/limits.h:
bus/wire.h:
