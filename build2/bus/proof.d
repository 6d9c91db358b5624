build2/bus/proof.o: bus/proof.c bus/proof.h schemas/base.h
bus/proof.h:
schemas/base.h:
