build2/bus/headers.o: bus/headers.c bus/headers.h bus/bus.h bus/tls.h \
 bus/url.h schemas/err.h schemas/base.h schemas/limits.h
bus/headers.h:
bus/bus.h:
bus/tls.h:
bus/url.h:
schemas/err.h:
schemas/base.h:
schemas/limits.h:
