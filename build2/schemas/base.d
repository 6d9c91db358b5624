build2/schemas/base.o: schemas/base.c schemas/base.h
schemas/base.h:
