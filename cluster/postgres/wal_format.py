"""The layout of WAL files: pages, and the headers of records.

Source: PostgreSQL 18, src/include/access/xlog_internal.h: every page of 8 kB begins with magic (uint16), flags
(uint16), timeline (uint32), its own position (uint64) and the bytes that a record of the page before goes on with; the
first of a segment goes on with the system identifier (uint64), the segment size and the page size (uint32 each).
Records: src/include/access/xlogrecord.h. Native byte order.
"""

import struct

MAGIC = 0xD118
"""XLOG_PAGE_MAGIC of PostgreSQL 18."""
PAGE = 8192
"""XLOG_BLCKSZ, which no packager changes."""
SHORT_HEADER = struct.Struct("=HHIQI4x")
LONG_HEADER = struct.Struct("=HHIQI4xQII")
CONTINUED = 0x0001
"""Flag of a page that begins with the rest of a record of the page before."""
LONG = 0x0002
"""Flag of the first page of a segment."""
RECORD = struct.Struct("=IIQBB2xI")
"""Length, transaction, position of the record before, info, resource manager, CRC."""
