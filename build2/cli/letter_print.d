build2/cli/letter_print.o: cli/letter_print.c cli/letter_print.h \
 cli/letter.h bus/bus.h bus/tls.h bus/url.h schemas/err.h schemas/base.h \
 schemas/limits.h schemas/envelope.h schemas/schema.h schemas/uuid.h \
 schemas/writer.h schemas/messages.h bus/headers.h schemas/redact.h \
 schemas/text.h
cli/letter_print.h:
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
schemas/redact.h:
schemas/text.h:
