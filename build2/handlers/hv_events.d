build2/handlers/hv_events.o: handlers/hv_events.c handlers/hv_events.h \
 schemas/base.h handlers/hv_conn.h
handlers/hv_events.h:
schemas/base.h:
handlers/hv_conn.h:
