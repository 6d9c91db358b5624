build2/schemas/reply.o: schemas/reply.c schemas/body.h schemas/envelope.h \
 schemas/schema.h schemas/err.h schemas/base.h schemas/limits.h \
 schemas/uuid.h schemas/writer.h schemas/json.h schemas/field.h \
 schemas/text.h
schemas/body.h:
schemas/envelope.h:
schemas/schema.h:
schemas/err.h:
schemas/base.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
schemas/json.h:
schemas/field.h:
schemas/text.h:
