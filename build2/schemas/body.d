build2/schemas/body.o: schemas/body.c schemas/body.h schemas/envelope.h \
 schemas/schema.h schemas/err.h schemas/base.h schemas/limits.h \
 schemas/uuid.h schemas/writer.h schemas/json.h schemas/text.h \
 schemas/unpack.h
schemas/body.h:
schemas/envelope.h:
schemas/schema.h:
schemas/err.h:
schemas/base.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
schemas/json.h:
schemas/text.h:
schemas/unpack.h:
