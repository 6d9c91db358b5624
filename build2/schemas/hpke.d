build2/schemas/hpke.o: schemas/hpke.c schemas/hpke.h schemas/base.h
schemas/hpke.h:
schemas/base.h:
