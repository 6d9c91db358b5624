build2/schemas/text.o: schemas/text.c schemas/text.h schemas/base.h
schemas/text.h:
schemas/base.h:
