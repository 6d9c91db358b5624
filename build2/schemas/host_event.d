build2/schemas/host_event.o: schemas/host_event.c schemas/host_event.h \
 schemas/messages.h schemas/schema.h schemas/err.h schemas/base.h \
 schemas/limits.h schemas/uuid.h schemas/writer.h schemas/text.h
schemas/host_event.h:
schemas/messages.h:
schemas/schema.h:
schemas/err.h:
schemas/base.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
schemas/text.h:
