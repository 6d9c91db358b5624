build2/schemas/signature.o: schemas/signature.c schemas/signature.h \
 schemas/base.h schemas/limits.h schemas/base64.h
schemas/signature.h:
schemas/base.h:
schemas/limits.h:
schemas/base64.h:
