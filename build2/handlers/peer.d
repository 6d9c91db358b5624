build2/handlers/peer.o: handlers/peer.c handlers/peer.h handlers/mark.h \
 schemas/digest.h schemas/err.h schemas/base.h schemas/schema.h \
 schemas/limits.h schemas/uuid.h schemas/writer.h handlers/work.h \
 handlers/ledger.h schemas/messages.h handlers/pins.h \
 schemas/host_event.h schemas/seal.h schemas/hpke.h schemas/vault.h
handlers/peer.h:
handlers/mark.h:
schemas/digest.h:
schemas/err.h:
schemas/base.h:
schemas/schema.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
handlers/work.h:
handlers/ledger.h:
schemas/messages.h:
handlers/pins.h:
schemas/host_event.h:
schemas/seal.h:
schemas/hpke.h:
schemas/vault.h:
