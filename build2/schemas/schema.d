build2/schemas/schema.o: schemas/schema.c schemas/schema.h schemas/err.h \
 schemas/base.h schemas/limits.h schemas/uuid.h schemas/writer.h \
 schemas/field.h
schemas/schema.h:
schemas/err.h:
schemas/base.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
schemas/field.h:
