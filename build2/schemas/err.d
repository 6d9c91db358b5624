build2/schemas/err.o: schemas/err.c schemas/err.h schemas/base.h \
 schemas/text.h
schemas/err.h:
schemas/base.h:
schemas/text.h:
