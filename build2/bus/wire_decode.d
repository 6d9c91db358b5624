build2/bus/wire_decode.o: bus/wire_decode.c bus/wire_decode.h bus/wire.h \
 schemas/err.h schemas/base.h schemas/headers.h schemas/signature.h \
 schemas/limits.h
bus/wire_decode.h:
bus/wire.h:
schemas/err.h:
schemas/base.h:
schemas/headers.h:
schemas/signature.h:
schemas/limits.h:
