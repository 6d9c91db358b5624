build2/cli/session.o: cli/session.c cli/session.h bus/client.h bus/bus.h \
 bus/tls.h bus/url.h schemas/err.h schemas/base.h schemas/limits.h \
 cli/settings.h cli/options.h cli/actions.h cli/selection.h cli/letter.h \
 schemas/envelope.h schemas/schema.h schemas/uuid.h schemas/writer.h \
 schemas/messages.h schemas/harden.h
cli/session.h:
bus/client.h:
bus/bus.h:
bus/tls.h:
bus/url.h:
schemas/err.h:
schemas/base.h:
schemas/limits.h:
cli/settings.h:
cli/options.h:
cli/actions.h:
cli/selection.h:
cli/letter.h:
schemas/envelope.h:
schemas/schema.h:
schemas/uuid.h:
schemas/writer.h:
schemas/messages.h:
schemas/harden.h:
