build2/bus/wire_headers.o: bus/wire_headers.c bus/wire.h schemas/err.h \
 schemas/base.h bus/headers.h bus/bus.h bus/tls.h bus/url.h \
 schemas/limits.h schemas/text.h
bus/wire.h:
schemas/err.h:
schemas/base.h:
bus/headers.h:
bus/bus.h:
bus/tls.h:
bus/url.h:
schemas/limits.h:
schemas/text.h:
