build2/cli/options.o: cli/options.c cli/options.h cli/actions.h \
 schemas/base.h cli/selection.h cli/letter.h bus/bus.h bus/tls.h \
 bus/url.h schemas/err.h schemas/limits.h schemas/envelope.h \
 schemas/schema.h schemas/uuid.h schemas/writer.h schemas/messages.h \
 cli/exit.h schemas/version.h
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
cli/exit.h:
schemas/version.h:
