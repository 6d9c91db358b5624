build2/schemas/writer.o: schemas/writer.c schemas/writer.h schemas/base.h \
 schemas/err.h schemas/base64.h schemas/limits.h schemas/text.h
schemas/writer.h:
schemas/base.h:
schemas/err.h:
schemas/base64.h:
schemas/limits.h:
schemas/text.h:
