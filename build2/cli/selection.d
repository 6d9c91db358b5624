build2/cli/selection.o: cli/selection.c cli/selection.h cli/letter.h \
 bus/bus.h bus/tls.h bus/url.h schemas/err.h schemas/base.h \
 schemas/limits.h schemas/envelope.h schemas/schema.h schemas/uuid.h \
 schemas/writer.h schemas/messages.h
cli/selection.h:
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
