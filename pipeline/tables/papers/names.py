"""Every table by its name."""

from pipeline.errors import ParamError
from pipeline.params.sections import nearest
from pipeline.tables.papers.amfi import AMFI_TABLES
from pipeline.tables.papers.cssi import CSSI_TABLES
from pipeline.tables.papers.epam import EPAM_TABLES
from pipeline.tables.papers.interaction import INTERACTION_TABLES
from pipeline.tables.papers.sf_head import SF_HEAD_TABLES
from pipeline.tables.spec import Table

_EVERY = (*AMFI_TABLES, *CSSI_TABLES, *EPAM_TABLES, *INTERACTION_TABLES, *SF_HEAD_TABLES)

TABLES: dict[str, Table] = {table.name: table for table in _EVERY}


def table_of(name: str) -> Table:
    """Return the table of that name. Raises ParamError, which names the nearest one."""
    if name not in TABLES:
        raise ParamError(f"no table {name!r}{nearest(name, list(TABLES))}; there are {', '.join(TABLES)}")
    return TABLES[name]
