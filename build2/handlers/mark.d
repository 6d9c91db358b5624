build2/handlers/mark.o: handlers/mark.c handlers/mark.h schemas/digest.h \
 schemas/err.h schemas/base.h schemas/schema.h schemas/limits.h \
 schemas/uuid.h schemas/writer.h
handlers/mark.h:
schemas/digest.h:
schemas/err.h:
schemas/base.h:
schemas/schema.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
