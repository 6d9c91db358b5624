build2/handlers/host_keys.o: handlers/host_keys.c handlers/host_keys.h \
 schemas/seal.h schemas/err.h schemas/base.h schemas/hpke.h \
 schemas/messages.h schemas/schema.h schemas/limits.h schemas/uuid.h \
 schemas/writer.h schemas/vault.h handlers/private_file.h \
 schemas/digest.h
handlers/host_keys.h:
schemas/seal.h:
schemas/err.h:
schemas/base.h:
schemas/hpke.h:
schemas/messages.h:
schemas/schema.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
schemas/vault.h:
handlers/private_file.h:
schemas/digest.h:
