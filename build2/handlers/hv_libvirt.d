build2/handlers/hv_libvirt.o: handlers/hv_libvirt.c handlers/hv.h \
 schemas/err.h schemas/base.h schemas/schema.h schemas/limits.h \
 schemas/uuid.h schemas/writer.h handlers/hv_keeper.h handlers/hv_xml.h
handlers/hv.h:
schemas/err.h:
schemas/base.h:
schemas/schema.h:
schemas/limits.h:
schemas/uuid.h:
schemas/writer.h:
handlers/hv_keeper.h:
handlers/hv_xml.h:
