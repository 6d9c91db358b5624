build2/schemas/envelope.o: schemas/envelope.c schemas/envelope.h \
 schemas/schema.h schemas/err.h schemas/base.h schemas/limits.h \
 schemas/uuid.h schemas/writer.h schemas/body.h schemas/json.h \
 schemas/field.h schemas/messages.h
schemas/envelope.h:
schemas/schema.h:
schemas/err.h:
schemas/base.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
schemas/body.h:
schemas/json.h:
schemas/field.h:
schemas/messages.h:
