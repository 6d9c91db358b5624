build2/worker/key_file.o: worker/key_file.c worker/key_file.h \
 schemas/digest.h schemas/err.h schemas/base.h schemas/schema.h \
 schemas/limits.h schemas/uuid.h schemas/writer.h handlers/private_file.h
worker/key_file.h:
schemas/digest.h:
schemas/err.h:
schemas/base.h:
schemas/schema.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
handlers/private_file.h:
