build2/cli/actions.o: cli/actions.c cli/actions.h schemas/base.h \
 cli/audit.h cli/audit_line.h schemas/digest.h schemas/err.h \
 schemas/schema.h schemas/limits.h schemas/uuid.h schemas/writer.h \
 cli/settings.h cli/options.h cli/selection.h cli/letter.h bus/bus.h \
 bus/tls.h bus/url.h schemas/envelope.h schemas/messages.h cli/dead.h
cli/actions.h:
schemas/base.h:
cli/audit.h:
cli/audit_line.h:
schemas/digest.h:
schemas/err.h:
schemas/schema.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
cli/settings.h:
cli/options.h:
cli/selection.h:
cli/letter.h:
bus/bus.h:
bus/tls.h:
bus/url.h:
schemas/envelope.h:
schemas/messages.h:
cli/dead.h:
