build2/handlers/hv_keeper.o: handlers/hv_keeper.c handlers/hv_keeper.h \
 handlers/hv.h schemas/err.h schemas/base.h schemas/schema.h \
 schemas/limits.h schemas/uuid.h schemas/writer.h handlers/hv_conn.h
handlers/hv_keeper.h:
handlers/hv.h:
schemas/err.h:
schemas/base.h:
schemas/schema.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
handlers/hv_conn.h:
