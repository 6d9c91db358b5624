build2/cli/print.o: cli/print.c cli/print.h schemas/schema.h \
 schemas/err.h schemas/base.h schemas/limits.h schemas/uuid.h \
 schemas/writer.h schemas/base64.h
cli/print.h:
schemas/schema.h:
schemas/err.h:
schemas/base.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
schemas/base64.h:
