build2/handlers/pins.o: handlers/pins.c handlers/pins.h \
 schemas/messages.h schemas/schema.h schemas/err.h schemas/base.h \
 schemas/limits.h schemas/uuid.h schemas/writer.h
handlers/pins.h:
schemas/messages.h:
schemas/schema.h:
schemas/err.h:
schemas/base.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
