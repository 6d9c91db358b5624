build2/cli/letter.o: cli/letter.c cli/letter.h bus/bus.h bus/tls.h \
 bus/url.h schemas/err.h schemas/base.h schemas/limits.h \
 schemas/envelope.h schemas/schema.h schemas/uuid.h schemas/writer.h \
 schemas/messages.h bus/headers.h schemas/digest.h schemas/headers.h \
 schemas/redact.h schemas/signature.h schemas/text.h
cli/letter.h:
bus/bus.h:
bus/tls.h:
bus/url.h:
schemas/err.h:
schemas/base.h:
schemas/limits.h:
schemas/envelope.h:
schemas/schema.h:
schemas/uuid.h:
schemas/writer.h:
schemas/messages.h:
bus/headers.h:
schemas/digest.h:
schemas/headers.h:
schemas/redact.h:
schemas/signature.h:
schemas/text.h:
