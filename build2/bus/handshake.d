build2/bus/handshake.o: bus/handshake.c bus/handshake.h bus/outbox.h \
 schemas/base.h bus/url.h schemas/err.h schemas/limits.h bus/wire.h
bus/handshake.h:
bus/outbox.h:
schemas/base.h:
bus/url.h:
schemas/err.h:
schemas/limits.h:
bus/wire.h:
