build2/bus/wire_write.o: bus/wire_write.c bus/wire.h schemas/err.h \
 schemas/base.h bus/bus.h bus/tls.h bus/url.h schemas/limits.h \
 bus/outbox.h
bus/wire.h:
schemas/err.h:
schemas/base.h:
bus/bus.h:
bus/tls.h:
bus/url.h:
schemas/limits.h:
bus/outbox.h:
