build2/schemas/unpack.o: schemas/unpack.c schemas/unpack.h schemas/base.h \
 schemas/limits.h
schemas/unpack.h:
schemas/base.h:
schemas/limits.h:
