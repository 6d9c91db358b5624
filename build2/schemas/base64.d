build2/schemas/base64.o: schemas/base64.c schemas/base64.h schemas/base.h
schemas/base64.h:
schemas/base.h:
