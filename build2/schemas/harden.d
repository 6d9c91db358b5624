build2/schemas/harden.o: schemas/harden.c schemas/harden.h schemas/base.h
schemas/harden.h:
schemas/base.h:
