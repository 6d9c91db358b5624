build2/cli/settings.o: cli/settings.c cli/settings.h cli/options.h \
 cli/actions.h schemas/base.h cli/selection.h cli/letter.h bus/bus.h \
 bus/tls.h bus/url.h schemas/err.h schemas/limits.h schemas/envelope.h \
 schemas/schema.h schemas/uuid.h schemas/writer.h schemas/messages.h
cli/settings.h:
cli/options.h:
cli/actions.h:
schemas/base.h:
cli/selection.h:
cli/letter.h:
bus/bus.h:
bus/tls.h:
bus/url.h:
schemas/err.h:
schemas/limits.h:
schemas/envelope.h:
schemas/schema.h:
schemas/uuid.h:
schemas/writer.h:
schemas/messages.h:
