// The addresses that `inv connect --as jdbc` prints: many statements, so that the driver closes what it prepared, and a cursor.
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;

public class Connect {
    public static void main(String[] addresses) throws Exception {
        for (String address : addresses) {
            try (Connection connection = DriverManager.getConnection(address)) {
                connection.setAutoCommit(false);
                for (int number = 0; number < 400; number++) repeat(connection, "SELECT " + number + " + ?", 1);
                repeat(connection, "SELECT generate_series(1, 100) + ?", 100);
                connection.commit();
                try (PreparedStatement query = connection.prepareStatement("SELECT current_user, pg_is_in_recovery()")) {
                    ResultSet row = query.executeQuery();
                    row.next();
                    System.out.println(row.getString(1) + " " + row.getBoolean(2));
                }
            }
        }
    }

    static void repeat(Connection connection, String text, int rows) throws Exception {
        for (int time = 0; time < 7; time++) {
            try (PreparedStatement query = connection.prepareStatement(text)) {
                query.setFetchSize(10);
                query.setInt(1, time);
                ResultSet found = query.executeQuery();
                int count = 0;
                while (found.next()) count++;
                if (count != rows) throw new IllegalStateException(text + ": " + count + " rows");
            }
        }
    }
}
