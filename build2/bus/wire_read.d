build2/bus/wire_read.o: bus/wire_read.c bus/wire_decode.h bus/wire.h \
 schemas/err.h schemas/base.h
bus/wire_decode.h:
bus/wire.h:
schemas/err.h:
schemas/base.h:
