build2/handlers/ledger_findings.o: handlers/ledger_findings.c \
 handlers/ledger_sql.h handlers/ledger.h handlers/mark.h schemas/digest.h \
 schemas/err.h schemas/base.h schemas/schema.h schemas/limits.h \
 schemas/uuid.h schemas/writer.h schemas/messages.h
handlers/ledger_sql.h:
handlers/ledger.h:
handlers/mark.h:
schemas/digest.h:
schemas/err.h:
schemas/base.h:
schemas/schema.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
schemas/messages.h:
