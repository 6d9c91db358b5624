build2/cli/progress.o: cli/progress.c cli/progress.h schemas/base.h
cli/progress.h:
schemas/base.h:
