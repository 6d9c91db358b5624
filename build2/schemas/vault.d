build2/schemas/vault.o: schemas/vault.c schemas/vault.h schemas/err.h \
 schemas/base.h
schemas/vault.h:
schemas/err.h:
schemas/base.h:
