build2/bus/client.o: bus/client.c bus/client.h bus/bus.h bus/tls.h \
 bus/url.h schemas/err.h schemas/base.h schemas/limits.h bus/timer.h
bus/client.h:
bus/bus.h:
bus/tls.h:
bus/url.h:
schemas/err.h:
schemas/base.h:
schemas/limits.h:
bus/timer.h:
