build2/bus/dial.o: bus/dial.c bus/dial.h bus/tls.h bus/url.h \
 schemas/err.h schemas/base.h schemas/limits.h bus/lookup.h
bus/dial.h:
bus/tls.h:
bus/url.h:
schemas/err.h:
schemas/base.h:
schemas/limits.h:
bus/lookup.h:
