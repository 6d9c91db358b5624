build2/schemas/field_read.o: schemas/field_read.c schemas/field.h \
 schemas/schema.h schemas/err.h schemas/base.h schemas/limits.h \
 schemas/uuid.h schemas/writer.h schemas/base64.h schemas/text.h
schemas/field.h:
schemas/schema.h:
schemas/err.h:
schemas/base.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
schemas/base64.h:
schemas/text.h:
